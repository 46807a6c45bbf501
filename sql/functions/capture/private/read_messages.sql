-- What the messages of captured transactions say, as far as it is true: any role can write messages into WAL.
-- Returns {"<n>": {"client": {"client_id","client_tx","source"}, "looks": [token],
-- "migrations": [{"version", "tables": see migrated_tables}]}}, for those that have any.
--   ampsync/client     if the ledger has that client and transaction, with the transaction id that sent it
--   ampsync/schema     if a look is under way under that token
--   ampsync/migration  if that transaction wrote the version for that migration, its hash is that of the queries, and
--                      the log has no entry of it
-- Anything else counts as absent (refuse_message). Beats and marks say nothing, and messages of others even less.
--
-- What it compares with is written by the same transaction; while that is not visible here it waits, 300 ms at
-- most: 40001.
create or replace function ampsync_private.read_messages(
  p_transactions jsonb,
  p_replayed     boolean[]
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_said   jsonb := '{}';
  v_item   record;
  v_xid    xid8;
  v_found  jsonb;
  v_of_one jsonb;
  v_member text;
begin
  for v_item in
    select t.value ->> 'n' as n, (t.value ->> 'xid')::bigint as xid, m.value ->> 'prefix' as prefix,
           ampsync_private.as_json(m.value ->> 'content') as json, m.value ->> 'content' as content
      from jsonb_array_elements(p_transactions) with ordinality t
     cross join lateral jsonb_array_elements(coalesce(t.value -> 'messages', '[]')) with ordinality m
     where not p_replayed[t.ordinality]
       and m.value ->> 'prefix' in ('ampsync/client', 'ampsync/schema', 'ampsync/migration')
     order by t.ordinality, m.ordinality
  loop
    v_xid := ampsync_private.nearest_xid8(v_item.xid, pg_snapshot_xmax(pg_current_snapshot()));
    perform ampsync_private.await_visible(v_xid);
    v_of_one := coalesce(v_said -> v_item.n, '{}');
    v_member := case v_item.prefix when 'ampsync/client' then 'client' when 'ampsync/schema' then 'looks'
                                   else 'migrations' end;
    v_found := case v_item.prefix
      when 'ampsync/client' then ampsync_private.client_of(v_item.json, v_xid)
      when 'ampsync/migration' then (
        select jsonb_build_object('version', m.version, 'tables', ampsync_private.migrated_tables())
          from ampsync_private.migrated_to(v_item.json, v_xid) m(version)
         where m.version is not null)
      else (select to_jsonb(v_item.content)
              from ampsync_private.published p
             where p.seen ->> 'token' = v_item.content
                or p.seen -> 'void' ? v_item.content -- Of a look that another change has overtaken.
             limit 1)
    end;
    if v_found is null then
      perform ampsync_private.refuse_message(v_item.prefix, v_xid);
    else
      v_said := jsonb_set(v_said, array[v_item.n], v_of_one || jsonb_build_object(v_member,
                  case v_member when 'client' then v_found
                                else coalesce(v_of_one -> v_member, '[]') || v_found end));
    end if;
  end loop;
  return v_said;
end;
$$;

comment on function ampsync_private.read_messages(jsonb, boolean[])
  is 'What the messages of captured transactions say, as far as it is true.';
