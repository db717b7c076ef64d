-- A mail whose second body has begun goes nowhere any more: what a server says
-- late of the first must not set it free.
alter table keepwell.messages add column again_at timestamptz;
comment on column keepwell.messages.again_at is 'when its second body began; `null` when there is none';
update keepwell.messages m set again_at = c.marked_at
from keepwell.copies c
where c.account_id = m.account_id and c.message = m.id and c.marked_at is not null;
