-- A referral to a playbook that cannot be looked at is tried again, and is not
-- in the way of the others.

alter table keepwell.referrals add column look_at timestamptz;
comment on column keepwell.referrals.look_at is 'not before this; null as long as nothing has kept it from being decided';
