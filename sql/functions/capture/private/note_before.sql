-- What stands before the entry of a captured transaction: tables that go live with it, the version that a
-- migration made, and forms that its Relation messages tell. Returns whether the lines are to be decoded anew
-- from this transaction on: then it is not stored.
--
-- p_tx_id  of its rows
-- p_going  tables that go live in this call
-- p_said   see read_messages
--
-- A table that changed its form after rows of this transaction gets a floor: those rows are of the former
-- form, and stand behind the entry of the new one.
--
-- Locks: the log lock. Rows of `published` are held by the caller.
create or replace function ampsync_private.note_before(
  p_transaction jsonb,
  p_tx_id       bigint,
  p_going       integer[],
  p_said        jsonb
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lsn      pg_lsn := (p_transaction ->> 'commit_lsn')::pg_lsn;
  v_at       timestamptz := ampsync_private.captured_at(p_transaction ->> 'at');
  v_item     record;
  v_table    ampsync_private.published;
  v_previous jsonb;
begin
  if p_going <> '{}' then
    perform ampsync_private.activate_publication(p.published_id, v_lsn, v_at)
       from ampsync_private.published p
      where p.published_id = any (p_going)
        and p.state = 'starting'
        and p.published_lsn < v_lsn;
  end if;

  perform ampsync_private.enter_migration(m.value, v_lsn, v_at, p_transaction ->> 'xid')
     from jsonb_array_elements(coalesce(p_said -> 'migrations', '[]')) with ordinality m
    order by m.ordinality;

  for v_item in
    select r.value as relation
      from jsonb_array_elements(coalesce(p_transaction -> 'relations', '[]')) with ordinality r
     order by r.ordinality
  loop
    select * into v_table
      from ampsync_private.published p
     where p.relation = (v_item.relation ->> 'relation')::oid;
    if ampsync_private.note_relation(v_item.relation, v_lsn, v_at, v_previous) then
      return true;
    end if;
    if (v_item.relation ->> 'before')::integer > 0
       and exists (select 1
                     from ampsync_private.published p
                    where p.published_id = v_table.published_id
                      and p.state = 'live'
                      and p.columns is distinct from v_table.columns)
       and ampsync_private.has_rows_before(p_tx_id, v_table.published_id,
                                           (v_item.relation ->> 'before')::integer) then
      perform ampsync_private.raise_floor(v_table.published_id, 'its columns changed within a transaction', v_lsn, null,
                                          v_at);
    end if;
    v_previous := v_item.relation;
  end loop;
  return false;
end;
$$;

comment on function ampsync_private.note_before(jsonb, bigint, integer[], jsonb)
  is 'Enter what stands before a captured transaction: tables that go live, migrations, forms.';
