-- The client that the message ampsync/client names, {"client_id","client_tx","source"}, if the ledger has it of
-- the same transaction; else null.
create or replace function ampsync_private.client_of(
  p_message jsonb,
  p_xid     xid8
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_uuid constant text := '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$';
begin
  if p_message ->> 'client' !~ c_uuid or p_message ->> 'tx' !~ c_uuid then
    return null;
  end if;
  return (select jsonb_build_object('client_id', l.client_id, 'client_tx', l.tx,
                                    'source', left(p_message ->> 'source', 200))
            from ampsync_private.client_tx l
           where l.client_id = (p_message ->> 'client')::uuid
             and l.tx = (p_message ->> 'tx')::uuid
             and l.xid = p_xid);
end;
$$;

comment on function ampsync_private.client_of(jsonb, xid8)
  is 'The client that a message names, if the ledger confirms it.';
