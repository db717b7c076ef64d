-- What tickets are about, as the support team sorts them, and their subject.

alter table customers.tickets add column topic text;
alter table customers.tickets add column subject text;
comment on column customers.tickets.topic is 'what it is about, in the words of your support team, such as billing; null: not sorted';
