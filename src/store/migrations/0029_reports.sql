-- Value reports: what accounts got, before and after, as it was shown to them.

create table keepwell.reports (
    account_id  text not null,
    report      text not null,
    -- The end of its period: the slot of an evaluation, or the instant of a step.
    at          timestamptz not null,
    -- Who made it.
    origin      text not null check (origin in ('schedule', 'step')),
    -- The report itself with its texts: page, mail and PDF are made of it.
    content     jsonb not null,
    primary key (account_id, report, at)
);
comment on table keepwell.reports is
    'by account: value reports, each as of its instant. Written by the evaluations of documents `report:` and by the advancer, for the step `report`; never changed; the janitor deletes what is older than `retention.evidence`.';
create index reports_at on keepwell.reports (at);

-- The report that a mail shows and carries.
alter table keepwell.messages
    add column report text,
    add column report_at timestamptz,
    add constraint messages_report_check check ((report is null) = (report_at is null));
