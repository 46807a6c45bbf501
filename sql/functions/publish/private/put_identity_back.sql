-- Puts the replica identities back of one table that is not published any more, unless they were
-- changed meanwhile. One that is in use is left for 10 s, and one with which it failed for 10 minutes: the others
-- go on, and ampsync.doctor names it. Returns what it did; null: there is none.
--
-- Locks: the table (access exclusive, 2 s at most in attempts of 300 ms); its row.
create or replace function ampsync_private.put_identity_back()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_ended    ampsync_private.published;
  v_relation regclass;
begin
  select p.* into v_ended
    from ampsync_private.published p
   where ampsync_private.is_to_put_back(p.put_back)
   order by p.published_id
   limit 1;
  if not found then
    return null;
  end if;
  v_relation := (v_ended.put_back ->> 'relation')::oid;
  begin
    if exists (select from pg_class c where c.oid = v_relation) then
      perform ampsync_private.lock_to_publish(v_relation, 'restore', '2 s');
      if not exists (select from ampsync_private.published p
                      where p.published_id = v_ended.published_id and p.put_back is not null) then
        return 'identity_put_back'; -- It was published again while the table was waited for.
      end if;
      perform ampsync_private.restore_identity(b.key::oid::regclass, b.value, v_ended.identity)
         from jsonb_each_text(v_ended.identity_before) b
         join pg_class c on c.oid = b.key::oid;
    end if;
    update ampsync_private.published p
       set put_back = null
     where p.published_id = v_ended.published_id
       and p.put_back is not null;
  exception
    when others then
      update ampsync_private.published p
         set put_back = p.put_back || jsonb_build_object(
               'error', jsonb_build_object('code', sqlstate, 'message', sqlerrm),
               'again', ampsync_private.now() + case sqlstate when '55P03' then interval '10 s'
                                                              else interval '10 min' end)
       where p.published_id = v_ended.published_id;
      return 'identity_kept';
  end;
  return 'identity_put_back';
end;
$$;

comment on function ampsync_private.put_identity_back()
  is 'Put the replica identities back of one table that is not published any more.';
