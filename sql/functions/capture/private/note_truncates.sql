-- A table that was emptied by TRUNCATE can be rebuilt from there on alone, for no old rows came; unless the log has a
-- baseline of it, from which it is rebuilt forward. Locks: rows of `published`, held by the caller.
create or replace function ampsync_private.note_truncates(
  p_truncated jsonb,
  p_positions bigint[]
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.published p
     set rebuildable_from = greatest(p.rebuildable_from, t.position) -- A floor may stand behind it already.
    from (select (i.value ->> 'id')::integer as published_id,
                 max(p_positions[(i.value ->> 'place')::integer]) as position
            from jsonb_array_elements(p_truncated) i
           group by 1) t
   where p.published_id = t.published_id
     and t.position is not null
     and not exists (select 1
                       from ampsync_private.change_tx b
                      where b.kind = 'baseline'
                        and b.position >= p.rebuildable_from
                        and b.details -> 'tables' @> to_jsonb(p.published_id));
$$;

comment on function ampsync_private.note_truncates(jsonb, bigint[])
  is 'Tables that were emptied can be rebuilt from there on alone.';
