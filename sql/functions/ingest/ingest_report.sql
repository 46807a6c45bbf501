-- Where an HTTP source is, for the process that reads it from beginning to end (`ampsync ingest`): its state as
-- ampsync.streams shows it, what was counted so far, when it will be over, and how much of the rate limit is
-- used: of its windows the fullest. No row where there is no such source.
--
-- Locks: none.
create or replace function ampsync_worker.ingest_report(
  p_dataset text,
  out state            text,
  out error            jsonb,    -- What keeps it from moving: code, message, detail, hint. Null: nothing does.
  out attempts         integer,
  out rows             bigint,
  out records          bigint,
  out duplicates       bigint,
  out rejected         bigint,
  out pages            bigint,   -- Of its present run.
  out eta              timestamptz,
  out requests_sent    bigint,   -- Ever, by all sources of its bucket.
  out requests_used    integer,  -- Of requests_allowed, in the present window. Null: the API does not tell.
  out requests_allowed integer
)
  returns setof record
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select v.state,
         case when coalesce(v.error_code, v.reason) is not null
              then jsonb_build_object('code', v.error_code, 'message', v.reason, 'detail', v.detail,
                                      'hint', v.hint) end,
         v.attempts, v.rows, v.records, v.duplicates, v.rejected,
         (select coalesce(sum(p.pages), 0)::bigint from ampsync_private.part p where p.stream_id = v.stream_id),
         g.eta, l.sent, l.limit - l.remaining, l.limit
    from ampsync_private.dataset d
    join ampsync.streams v on v.dataset = d.label
    join ampsync.progress g on g.stream_id = v.stream_id
    left join lateral (
      select w.sent, w.limit, w.remaining
        from ampsync.rate_limits w
       where w.bucket = ampsync_private.full_source(d.definition) #>> '{rate_limit,bucket}'
       order by w.remaining::float8 / nullif(w.limit, 0) nulls last, w.window
       limit 1
    ) l on true
   where d.label = p_dataset
     and d.kind = 'http';
end;
$$;

comment on function ampsync_worker.ingest_report(text)
  is 'Where an HTTP source is, for the process that reads it from beginning to end.';
