-- Where the records of a commit lie in staging (ctid), in their order; null where that is not the
-- order in which they lie, so that a range of them is no range of places.
create or replace function ampsync_private.record_places(
  p_staging regclass
)
  returns tid[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_places tid[];
begin
  execute format('select array_agg(p.ctid order by p.n) from %s p', p_staging) into v_places;
  return case when (select bool_and(p.place > p.before)
                      from (select u.place, lag(u.place, 1, '(0,0)') over (order by u.n) as before
                              from unnest(v_places) with ordinality u(place, n)) p) then v_places end;
end;
$$;

comment on function ampsync_private.record_places(regclass)
  is 'Where the records of a commit lie in staging, if they lie in their order.';
