-- Whether a worker takes no stream that another one could take: it holds its share already, and
-- another holds less than its own (sharing). Whoever holds less than its share never gives way, so
-- that there is always one that takes it.
create or replace function ampsync_private.gives_way(
  p_worker_id text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select bool_or(h.worker_id = p_worker_id and h.held >= h.share)
                          and bool_or(h.worker_id <> p_worker_id and h.held < h.share)
                     from ampsync_private.sharing() h), false);
end;
$$;

comment on function ampsync_private.gives_way(text)
  is 'Whether a worker holds its share of the streams while another one holds less than its own.';
