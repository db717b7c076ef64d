-- Why something is stopped: a person's words, or what the machine found.
alter table keepwell.control add column reason text;
