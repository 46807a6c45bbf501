-- One row per client that ever connected. What only the client itself knows (pending, store, error) is as it said last.
create or replace view ampsync.clients as
select c.client_id,
       c.subject,
       c.tenant,
       c.phase,
       s.client_id is not null as connected,
       c.position,
       c.blocks,
       case when n.recorded_at is not null then greatest(ampsync_private.now() - n.recorded_at, interval '0')
            when c.position is not null or c.blocks is not null then interval '0' end as lag,
       c.pending,
       c.store,
       c.error ->> 'code' as code,
       c.error ->> 'message' as reason,
       c.error ->> 'hint' as hint,
       c.schema_version,
       c.agent,
       c.first_seen,
       c.seen_at
  from ampsync_private.client c
  left join ampsync_private.session s using (client_id)
  left join lateral (select t.recorded_at
                       from ampsync_private.change_tx t
                      where t.position > least(c.position, c.blocks)
                      order by t.position
                      limit 1) n on true;

comment on view ampsync.clients is 'One row per client: a database that follows the log, in a browser or elsewhere.';
comment on column ampsync.clients.client_id is 'Its id, which it made itself.';
comment on column ampsync.clients.subject is 'Whose it is: the claim "sub" of its first token.';
comment on column ampsync.clients.tenant is 'The tenant that its last token named.';
comment on column ampsync.clients.phase
  is 'new, loading, live; or reset: it loads everything anew when it connects the next time.';
comment on column ampsync.clients.connected is 'Whether it has a session; more: ampsync.sessions.';
comment on column ampsync.clients.position is 'Up to which position of the log it has rows; at most 5 s old.';
comment on column ampsync.clients.blocks is 'The same for tables of datasets.';
comment on column ampsync.clients.lag is 'How long ago the first entry came into the log that it does not have.';
comment on column ampsync.clients.pending is 'Changes of its own that it has not sent, as it said last.';
comment on column ampsync.clients.store is 'Kind, size and status of its store, as it said last.';
comment on column ampsync.clients.code is 'The code of its error, as it said last; null if all is well.';
comment on column ampsync.clients.reason is 'Its error.';
comment on column ampsync.clients.hint is 'What helps there.';
comment on column ampsync.clients.schema_version is 'The version of the schema that its tables have.';
comment on column ampsync.clients.agent is 'The program that it is, as it said.';
comment on column ampsync.clients.first_seen is 'When it connected first.';
comment on column ampsync.clients.seen_at is 'When it was last seen connected, to the minute.';
