SELECT 'from an included file' AS text;
