-- The step `webhook` and notices in Slack: messages that leave by HTTP.

alter table keepwell.messages drop constraint messages_channel_check;
alter table keepwell.messages add constraint messages_channel_check
    check (channel in ('email', 'notice', 'webhook', 'slack'));
