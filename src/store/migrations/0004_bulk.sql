-- Indexes for runs that enroll many accounts at one instant.

-- All of a run are due at the same instant: in this order a batch of them is
-- read from the index alone, without sorting the others.
drop index keepwell.enrollments_due;
create index enrollments_due on keepwell.enrollments (look_at, account_id, id) where state = 'active';

-- What a run has written is asked by its slot; who is in a playbook, by account.
drop index keepwell.enrollments_of_playbook;
create index enrollments_of_run on keepwell.enrollments (playbook, run_slot);

-- Covered by the unique key (account_id, contact_id, playbook, entry_key).
drop index keepwell.enrollments_of_account;
