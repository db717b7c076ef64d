-- For lists and counts of accounts by a date: whose contract ends, who came and who left
-- in a month.
create index accounts_renewing on customers.accounts (renewal_at) where renewal_at is not null;
create index accounts_signed_up on customers.accounts (signed_up_at);
create index accounts_churned on customers.accounts (churned_at) where churned_at is not null;
-- Renewals that were won: the date moved on.
create index account_changes_of_renewal on customers.account_changes (at) where was ? 'renewal_at';
