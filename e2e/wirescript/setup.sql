-- What wire scripts find. Scripts make their own things in the schema scratch, which is emptied before each.
CREATE TABLE countries (code text PRIMARY KEY, name text NOT NULL);
INSERT INTO countries VALUES ('CH', 'Switzerland'), ('DE', 'Germany'), ('FR', 'France');
