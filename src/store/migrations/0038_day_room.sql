-- How many a run may have entered altogether on the day that began then, while
-- somebody has it: other runs of its playbook leave it that room of
-- `max_per_day`.
alter table keepwell.runs add column may_enter bigint, add column day_began timestamptz;
