-- Settings of a role, as connections see them that are made afterwards.
ALTER ROLE conform SET seq_page_cost = 7;
SHOW seq_page_cost;
\c
SHOW seq_page_cost;
ALTER ROLE conform RESET seq_page_cost;
\c
SHOW seq_page_cost;
