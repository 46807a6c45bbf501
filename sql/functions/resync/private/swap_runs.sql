-- Whether a swap of a shadow is under way: it holds the fence of the shadow in exclusive mode
-- from beginning to end.
create or replace function ampsync_private.swap_runs(
  p_shadow_id bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select 1
      from ampsync_private.lease l
     cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
     where l.stream_id = p_shadow_id
       and f.mode = 'ExclusiveLock'
  );
end;
$$;

comment on function ampsync_private.swap_runs(bigint)
  is 'Whether a swap of a shadow is under way.';
