SELECT id FROM customers WHERE email = 'bob@example.com';

SELECT id FROM customers WHERE 'bob@example.com' = email;

SELECT id FROM customers WHERE email <> 'bob@example.com';

SELECT id, ssn FROM customers WHERE ssn IN ('123-45-6789', '', 'é');

SELECT id, ssn FROM customers WHERE ssn IN ('123-45-6789', NULL);

SELECT id, ssn FROM customers WHERE ssn NOT IN ('123-45-6789', '');

SELECT id, ssn FROM customers WHERE ssn NOT IN ('123-45-6789', NULL);

SELECT id FROM customers WHERE ssn = NULL;

SELECT id FROM customers WHERE ssn = '';

SELECT id FROM customers WHERE ssn = 'NULL';

SELECT id FROM customers WHERE ssn = '\x41';

SELECT id FROM customers WHERE ssn = E'\\x41';

SELECT id FROM customers WHERE ssn = ' padded ';

SELECT id FROM customers WHERE ssn = 'padded';

SELECT id FROM customers WHERE ssn = E'\u00e9';

SELECT id FROM customers WHERE ssn = U&'\00e9';

SELECT id FROM customers WHERE ssn = $$é$$;

SELECT id FROM customers WHERE ssn = 'é'::text;

SELECT id FROM customers WHERE ssn = 'é'::varchar;

SELECT id FROM customers WHERE ssn IS NULL;

SELECT id FROM customers WHERE ssn IS NOT NULL AND phone IS NULL;

SELECT id FROM customers WHERE birth_date IS NULL OR balance IS NULL;

SELECT id FROM customers WHERE NOT (ssn = 'é');

SELECT id FROM customers WHERE NOT (ssn IN ('é', '0')) OR ssn IS NULL;

SELECT id FROM customers WHERE (ssn = 'é') IS NOT TRUE;

SELECT id FROM customers WHERE (ssn = 'é') IS NULL;

SELECT id FROM customers WHERE email = '日本@example.com';

SELECT id FROM customers WHERE email = '';

SELECT id, ssn = 'é' AS same, ssn = 'é' FROM customers;

SELECT id, CASE WHEN ssn = 'é' THEN 'yes' ELSE 'no' END FROM customers;

SELECT ssn = 'é' AS same, count(*) FROM customers GROUP BY ssn = 'é';

SELECT coalesce(ssn = 'é', false) FROM customers;

SELECT id FROM customers WHERE ssn = 'é' AND email = 'zoe@example.com' OR id = 1;

SELECT birth_date, balance, birth_date AS b FROM customers;

SELECT id FROM customers WHERE ssn = 5;

-- refused: no-search-token
SELECT id FROM customers WHERE balance = 'x';

-- refused: no-search-token
SELECT id FROM customers WHERE balance = 12.5;

-- refused: sealed-cast
SELECT id FROM customers WHERE ssn = 'é'::char(1);

-- refused: sealed-conversion
SELECT id FROM customers WHERE ssn = '5'::bigint::text;

-- refused: sealed-cast
SELECT id FROM customers WHERE ssn = '123-45-6789'::varchar(11);
