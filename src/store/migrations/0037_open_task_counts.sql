-- Pages count the open tasks of each colleague and of each playbook at every look. This index
-- alone answers both, without the rows of 100,000 tasks.
drop index keepwell.tasks_of_assignee;
create index tasks_of_assignee on keepwell.tasks (assignee, due_at) include (snoozed_until, playbook)
    where state = 'open';
