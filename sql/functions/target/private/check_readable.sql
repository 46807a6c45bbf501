-- Refuses to read a table if its owner, or that of its schema, is a role that could have code run as
-- our own role then, by a policy or a generated column, or by another table in its place; and if our
-- own role may not read it (check_may_read). Looser
-- than check_target, since the role that reads need not be the one that writes: whoever has the
-- rights of our own role gains nothing, and ampsync_worker, superusers and the owners of ampsync
-- and of the database are trusted anyway (untrusted_owner).
--
-- A table that is gone is not refused.
create or replace procedure ampsync_private.check_readable(
  p_stream_id bigint,
  p_target    regclass
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
begin
  select o.what, r.rolname as owner into v_found
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   cross join lateral (values (1, 'table ' || c.oid::regclass, c.relowner),
                              (2, 'schema ' || quote_ident(n.nspname), n.nspowner)) o(position, what, owner)
    join pg_roles r on r.oid = o.owner
   where c.oid = p_target
     and r.rolname <> current_user
     and r.rolname <> 'pg_database_owner'
     and not r.rolsuper
     and not pg_has_role(r.oid, current_user, 'member')
     and not ampsync_private.is_shared_writer(r.oid)
     and not exists (select 1 from pg_namespace a where a.nspname = 'ampsync' and a.nspowner = r.oid)
     and not exists (select 1 from pg_database d where d.datname = current_database() and d.datdba = r.oid)
     and (o.position = 1 or ampsync_private.untrusted_owner(n.oid) is not null)
   order by o.position
   limit 1;
  if not found then
    perform ampsync_private.check_may_read(c.relnamespace, p_target)
       from pg_class c
      where c.oid = p_target;
    return;
  end if;

  raise exception using
    errcode = 'SY201',
    message = format('%s belongs to %I, not to %I', v_found.what, v_found.owner, ampsync_private.writer()),
    detail  = format('Nothing was read. A policy or a generated column of its owner would run as %I.', current_user),
    hint    = format('alter %s owner to %I; select ampsync.resume_sync(%L);', v_found.what, ampsync_private.writer(),
                     ampsync_private.stream_label(p_stream_id));
end;
$$;

comment on procedure ampsync_private.check_readable(bigint, regclass)
  is 'Raise SY201 for a target whose owner could have code run when it is read, 42501 without the right to read it.';
