-- Autovacuum comes after threshold + scale factor * rows dead rows (PostgreSQL,
-- section 25.1.6): with the usual 50 + 20 % the queue beside a history of a
-- million mails would be swept once in 200,000. Each mail leaves about five dead
-- rows, most of which its page gets rid of by itself. A number instead of a share
-- is what tables are told that grow while the same few rows of them are hot
-- (T. Vondra, "Autovacuum tuning basics", 2ndQuadrant).
alter table keepwell.messages set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
alter table keepwell.enrollments set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
-- Written once.
alter table keepwell.attempts set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
-- A run renews its row again and again, and every slot has one.
alter table keepwell.runs set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000);
-- A row that is locked for every mail to its account, and never grows.
alter table keepwell.budgets set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
