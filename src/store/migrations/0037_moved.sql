-- Enrollments that a person took from the revision they started with to a later
-- one: since when nothing of it begins earlier, what they had done before, and
-- each way with who and why. Null for those that still are in their first.
alter table keepwell.enrollments add column moved jsonb;
