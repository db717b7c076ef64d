-- Who hands tasks over at a quarter hour is decided in `looks`, as for all others.
alter table keepwell.installation drop column handed_over_at;
