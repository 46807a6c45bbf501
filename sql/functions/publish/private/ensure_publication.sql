-- Makes the publication `ampsync`, empty, where there is none; false where the job that makes the
-- slot has to make it, because a slot decodes nothing by a publication that is younger.
--
-- Locks: an advisory lock while it is made, 10 s at most (55P03).
create or replace function ampsync_private.ensure_publication()
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_key constant bigint := hashtextextended('ampsync.publication', 0);
  v_owner oid;
begin
  for v_attempt in 1..20 loop
    select p.pubowner into v_owner from pg_publication p where p.pubname = 'ampsync';
    if found then
      if not pg_has_role(v_owner, 'usage') then
        perform ampsync_private.raise_no_capture('the publication ampsync belongs to another role',
          format('Its owner is %s.', v_owner::regrole), format('grant %s to %I;', v_owner::regrole, current_user));
      end if;
      return true;
    end if;
    if exists (select from ampsync_private.capture c where c.slot_created_lsn is not null or c.phase is not null) then
      return false;
    end if;
    if pg_try_advisory_xact_lock(c_key)
       and not exists (select from pg_publication p where p.pubname = 'ampsync') then
      perform ampsync_private.create_publication();
      return true;
    end if;
    perform pg_sleep(0.5);
  end loop;
  raise exception using
    errcode = '55P03',
    message = 'another transaction is making the publication ampsync',
    detail  = 'It has called ampsync.publish, and stays open.',
    hint    = coalesce((select string_agg(format('select pg_terminate_backend(%s);', h.pid), ' ')
                                || ' -- Ends it; or call again once it has ended by itself.'
                          from ampsync_private.lock_holders(c_key) h),
                       'select * from ampsync.publications; -- It has ended: call again.');
end;
$$;

comment on function ampsync_private.ensure_publication()
  is 'Make the publication where there is none; false where a job has to make it.';
