-- Where a setting comes from that the connection string gave.
SELECT source, setting, reset_val FROM pg_settings WHERE name = 'application_name';
SET application_name = 'other';
SELECT source, setting, reset_val FROM pg_settings WHERE name = 'application_name';
RESET application_name;
SELECT source, setting, reset_val FROM pg_settings WHERE name = 'application_name';
