-- Looks at the captured tables whose Relations come with these transactions as they are noted, or those of their
-- partitions: something may be otherwise that a Relation does not tell. Before the log lock is taken, since a look may
-- wait for somebody who changes the table.
--
-- p_transactions, p_replayed  as in commit_capture
--
-- Locks: as look_at.
create or replace function ampsync_private.look_before(
  p_transactions jsonb,
  p_replayed     boolean[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.look_at(t.published_id)
     from (select p.published_id
             from ampsync_private.published p
            where p.mode = 'rows'
              and p.state = 'live'
              and exists (select 1
                            from jsonb_array_elements(p_transactions) with ordinality x(tx, n)
                           cross join jsonb_array_elements(x.tx -> 'relations') r(relation)
                           where not p_replayed[x.n]
                             and case when r.relation ->> 'relation' = p.relation::oid::text
                                      then ampsync_private.is_as_noted(p, r.relation)
                                      else p.storage -> 'leaves' -> (p.relation::oid::text) ->> 'file' = '0'
                                           and exists (select 1
                                                         from ampsync_private.table_tree(p.relation) l
                                                        where l.relation = (r.relation ->> 'relation')::oid) end)
            order by p.published_id) t;
end;
$$;

comment on function ampsync_private.look_before(jsonb, boolean[])
  is 'Look at captured tables whose Relations come as noted, before the log lock.';
