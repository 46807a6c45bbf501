-- A Relation message of a table that is not published by itself: that of a partition of one of ours, if it is one now,
-- if it was noted, or if it came right after the Relation of its root. The root is looked at (look_before); if the
-- partition is none any more, its rows are gone from the table without a row in WAL: a new floor.
create or replace function ampsync_private.note_leaf(
  p_relation jsonb,
  p_lsn      pg_lsn,
  p_at       timestamptz,
  p_previous jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table ampsync_private.published;
  v_leaf  text := p_relation ->> 'relation';
begin
  select p.* into v_table
    from ampsync_private.published p
   where p.mode = 'rows'
     and p.state = 'live'
     and p.storage -> 'leaves' -> (p.relation::oid::text) ->> 'file' = '0'
     and (p.storage -> 'leaves' ? v_leaf
          or p.relation::oid::text = p_previous ->> 'relation'
          or exists (select 1 from ampsync_private.table_tree(p.relation) t where t.relation = v_leaf::oid))
   order by p.storage -> 'leaves' ? v_leaf desc
   limit 1;
  if not found then
    return;
  end if;
  if exists (select 1 from ampsync_private.table_tree(v_table.relation) t where t.relation = v_leaf::oid) then
    return;
  end if;
  perform ampsync_private.raise_floor(v_table.published_id, 'A partition with rows was detached or dropped.',
                                      p_lsn, null, p_at);
  update ampsync_private.published p
     set storage = p.storage #- array['leaves', v_leaf]
   where p.published_id = v_table.published_id;
end;
$$;

comment on function ampsync_private.note_leaf(jsonb, pg_lsn, timestamptz, jsonb)
  is 'A Relation message of a partition: its root is looked at; one that is none any more costs a floor.';
