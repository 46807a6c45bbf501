-- One row per snapshot of an instance: what clients load, or wait for. Reads no chunks, which a standby does not have.
create or replace view ampsync.hydrations as
select h.name as shape,
       format('%I.%I', p.schema_name, p.table_name) as table_name,
       s.key,
       s.state,
       s.rows,
       s.expected,
       s.bytes,
       s.chunks,
       c.clients,
       s.position,
       to_timestamp(s.stamp / 1000000.0) as at,
       s.settled,
       s.lsn,
       s.schema_version,
       s.checksum,
       s.statistics,
       s.client_id,
       s.tenant,
       s.created_at,
       s.taken_at,
       s.used_at,
       s.expires_at,
       s.attempt,
       s.error ->> 'message' as reason,
       s.error ->> 'hint' as hint,
       s.snapshot_id
  from ampsync_private.snapshot s
  left join ampsync_private.shape h using (shape_id)
  left join ampsync_private.published p using (published_id)
 cross join lateral (
   select count(*) as clients
     from ampsync_private.session n
    where exists (select from jsonb_array_elements(n.shapes) e(answer)
                   where e.answer ->> 'mode' = 'load'
                     and e.answer ->> 'shape_id' = s.shape_id::text
                     and e.answer -> 'keys' ? s.key)) c;

comment on view ampsync.hydrations is 'One row per snapshot of an instance of a shape: what clients load, or wait for.';
comment on column ampsync.hydrations.shape is 'The shape; null where it was dropped.';
comment on column ampsync.hydrations.table_name is 'Its table, schema.table.';
comment on column ampsync.hydrations.key is 'The instance: the values of its bound columns.';
comment on column ampsync.hydrations.state is 'queued, building, ready, failed.';
comment on column ampsync.hydrations.rows is 'Rows of it; null until it is ready.';
comment on column ampsync.hydrations.expected
  is 'Rows that the planner expected when it was asked for; null where it was not asked.';
comment on column ampsync.hydrations.bytes is 'Bytes of them as text.';
comment on column ampsync.hydrations.chunks is 'In how many pieces they are fetched.';
comment on column ampsync.hydrations.clients is 'Connected clients that were told to load it.';
comment on column ampsync.hydrations.position is 'The position of the log at which its rows were read.';
comment on column ampsync.hydrations.at is 'When the entry at that position was recorded.';
comment on column ampsync.hydrations.settled is 'The first position at which the rows can be shown.';
comment on column ampsync.hydrations.lsn is 'Where WAL was as they were read.';
comment on column ampsync.hydrations.schema_version is 'The version of the schema then.';
comment on column ampsync.hydrations.checksum is 'Of the checksums of its chunks.';
comment on column ampsync.hydrations.statistics is 'Rows, bytes, first and last key.';
comment on column ampsync.hydrations.client_id is 'The client that asked for it first.';
comment on column ampsync.hydrations.tenant is 'The tenant of that client.';
comment on column ampsync.hydrations.created_at is 'When it was asked for.';
comment on column ampsync.hydrations.taken_at is 'When a job took it.';
comment on column ampsync.hydrations.used_at is 'When somebody last fetched of it, to the minute.';
comment on column ampsync.hydrations.expires_at is 'When it goes, unless somebody fetches of it.';
comment on column ampsync.hydrations.attempt is 'How many jobs have taken it.';
comment on column ampsync.hydrations.reason is 'Why it failed; another one is made when somebody asks again.';
comment on column ampsync.hydrations.hint is 'What helps there.';
comment on column ampsync.hydrations.snapshot_id is 'Its id, by which chunks are fetched.';
