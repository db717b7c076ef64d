-- Surveys as documents: which mail asks and what, and what was answered.

-- Which survey a mail asks for: its id, or empty of a step's own question; null of
-- mail that asks nothing.
alter table keepwell.messages add column survey text;
-- What the page asks; null: the subject says it.
alter table keepwell.messages add column question text;
create index messages_asking on keepwell.messages (account_id, contact_id, created_at) where survey is not null;

-- The survey it answers; null of a step's own question.
alter table keepwell.answers add column survey text;
-- Words by which people find it again.
alter table keepwell.answers add column tags text[] not null default '{}';
-- Answers with a value are scores: the latest of each name.
create index answers_scored on keepwell.answers (account_id, score, answered_at) where value is not null;
create index answers_latest on keepwell.answers (answered_at);

-- The texts of the surveys that its steps name, by id.
alter table keepwell.revisions add column surveys jsonb not null default '{}';
