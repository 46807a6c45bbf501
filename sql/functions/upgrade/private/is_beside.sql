-- Whether a shadow belongs to the upgrade of its dataset: it loads another version, its stream
-- goes on meanwhile, and it is exchanged together with all others.
create or replace function ampsync_private.is_beside(
  p_shadow ampsync_private.stream
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_shadow.state <> 'former' and exists (
    select 1
      from ampsync_private.stream s
      join ampsync_private.upgrade u using (dataset_id)
     where s.stream_id = p_shadow.shadow_of
       and ampsync_private.is_upgraded(u, s)
  );
end;
$$;

comment on function ampsync_private.is_beside(ampsync_private.stream)
  is 'Whether a shadow belongs to the upgrade of its dataset.';
