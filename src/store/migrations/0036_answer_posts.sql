-- Answers to surveys that are posted to another system, and what is forgotten of answers.

-- The answer that a webhook posts: the mail that asked; null of every other message.
alter table keepwell.messages add column answer uuid;
create index messages_with_answers on keepwell.messages (ended_at) where answer is not null and not forgotten;
-- What has words or is nothing but words.
create index answers_to_forget on keepwell.answers (answered_at)
    where value is null or comment is not null or tags <> '{}';
