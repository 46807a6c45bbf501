-- Notes what clients report of themselves, for people: nothing is decided by it.
--
-- p_reports  [{"client", "report": {"pending", "error", "store", "checks": [{"table", "rows", "sum", "server_rows",
--            "server_sum"}]}}], of clients whose rows the caller holds. A table whose sums differ is an event,
--            `client_diverged`
create or replace function ampsync_private.note_reports(
  p_reports jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  with said as (
    select (r.entry ->> 'client')::uuid as client_id, r.entry -> 'report' as report
      from jsonb_array_elements(p_reports) r(entry)
  )
  update ampsync_private.client c
     set pending = case when s.report ->> 'pending' ~ '^[0-9]{1,9}$' then (s.report ->> 'pending')::integer
                        else c.pending end,
         error   = case when s.report ? 'error'
                          then ampsync_private.report_fields(
                                 s.report -> 'error', '{code,message,detail,hint,table}') else c.error end,
         store   = case when s.report ? 'store'
                          then ampsync_private.report_fields(
                                 s.report -> 'store', '{kind,status,bytes,usage,quota,persisted,major}')
                        else c.store end
    from said s
   where c.client_id = s.client_id
     and jsonb_typeof(s.report) = 'object';

  perform ampsync_private.journal(null, 'client_diverged', jsonb_build_object('client', r.entry ->> 'client')
            || ampsync_private.report_fields(k.found, '{table,rows,sum,server_rows,server_sum}'))
     from jsonb_array_elements(p_reports) r(entry)
    cross join lateral (
      select k.found
        from jsonb_array_elements(case jsonb_typeof(r.entry #> '{report,checks}')
                                    when 'array' then r.entry #> '{report,checks}' else '[]' end) k(found)
       limit 64) k
    where (k.found ->> 'sum', k.found ->> 'rows')
          is distinct from (k.found ->> 'server_sum', k.found ->> 'server_rows');
end;
$$;

comment on function ampsync_private.note_reports(jsonb)
  is 'Note what clients report of themselves.';
