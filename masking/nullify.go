package masking

// nullify is NULLIFY: it masks every value of every type by NULL. It has no properties. The column must allow NULL as a
// client sees it, which is for the caller to know.
type nullify struct{}

func newNullify(p *properties) (Mask, error) {
	if err := p.err(); err != nil {
		return nil, err
	}
	return nullify{}, nil
}

func (nullify) Supports(Kind) bool { return true }

func (nullify) Apply(dst, _ []byte) (out []byte, null bool) { return dst, true }
