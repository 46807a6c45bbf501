-- The journal, newest last.
create or replace view ampsync.events as
select e.event_id, e.at, e.event, e.dataset, e.table_name, e.details, e.actor
  from ampsync_private.event e;

comment on view ampsync.events is 'The journal: reorgs, takeovers, errors and state changes.';
comment on column ampsync.events.event_id is 'Rises with time.';
comment on column ampsync.events.at
  is 'When the event happened or, with repeated, happened last; by the clock of the database.';
comment on column ampsync.events.event is 'What happened.';
comment on column ampsync.events.dataset is 'Dataset concerned; null if there is none.';
comment on column ampsync.events.table_name is 'Table concerned; null if there is none.';
comment on column ampsync.events.actor
  is 'The role that caused it: that of the caller of a function, or of the worker; null before it was recorded.';
comment on column ampsync.events.details
  is 'The values; repeated: how many more events of the same minute this row stands for.';
