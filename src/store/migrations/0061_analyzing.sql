-- A table of some thousand rows is to be known to the planner as well, so what
-- is looked at is a share again, though a smaller one than the usual 10 %.
alter table keepwell.messages set (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
alter table keepwell.enrollments set (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
alter table keepwell.attempts set (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
alter table keepwell.runs set (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 500);
