package datum

func parseJSON(dst, text []byte) ([]byte, error) { return nil, failType() }

func parseJSONB(dst, text []byte) ([]byte, error) { return nil, failType() }

func receiveJSONB(dst, value []byte) ([]byte, error) { return nil, failType() }

func canonicalJSONB(dst, value []byte) ([]byte, error) { return nil, failType() }
