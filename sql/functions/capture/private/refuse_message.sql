-- Notes that a message in WAL is not believed: once a minute at most, since any role can write any number of them.
create or replace function ampsync_private.refuse_message(
  p_prefix text,
  p_xid    xid8
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select 1
                   from (select * from ampsync_private.event n order by n.event_id desc limit 1000) e
                  where e.event = 'message_refused'
                    and e.at > ampsync_private.now() - interval '1 min') then
    perform ampsync_private.journal(null, 'message_refused',
              jsonb_build_object('prefix', p_prefix, 'transaction', p_xid::text));
  end if;
end;
$$;

comment on function ampsync_private.refuse_message(text, xid8)
  is 'Journal a message that is not believed, once a minute at most.';
