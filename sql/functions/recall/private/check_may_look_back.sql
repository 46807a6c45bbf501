-- Refuses, with 42501, to show former rows to a caller who may not read all rows of the table now: who lacks one of
-- these rights on it, or whom row level security would restrict. Without the table nobody can tell: then only who has
-- the rights of the owner of ampsync may look.
--
-- p_relation  null: it is gone
-- p_rights    what the caller needs to have: select, or what a restored row needs as well
create or replace function ampsync_private.check_may_look_back(
  p_target   text,
  p_relation regclass,
  p_rights   text[] default '{select}'
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_caller name := ampsync_private.caller();
  v_right  text;
  v_what   text;
  v_hint   text;
begin
  if p_relation is null then
    if not pg_has_role(v_caller, current_user, 'usage') then
      v_what := 'it is gone, and with it who might read it';
      v_hint := format('grant %I to %I;', current_user, v_caller);
    end if;
  else
    foreach v_right in array p_rights loop
      if not has_table_privilege(v_caller, p_relation, v_right) then
        v_what := format('it takes the right to %s on the table', v_right);
        v_hint := format('grant %s on %s to %I;', v_right, p_relation, v_caller);
        exit;
      end if;
    end loop;
    if v_what is null
       and exists (select from pg_class c
                     join pg_roles r on r.rolname = v_caller
                    where c.oid = p_relation
                      and c.relrowsecurity
                      and not r.rolsuper
                      and not r.rolbypassrls
                      and (c.relforcerowsecurity or not pg_has_role(v_caller, c.relowner, 'usage'))) then
      v_what := 'row level security restricts it on the table, and history knows no policies';
      v_hint := format('alter role %I bypassrls;', v_caller);
    end if;
  end if;
  if v_what is not null then
    raise exception using
      errcode = '42501',
      message = format('the role %I may not look back at %s', v_caller, p_target),
      detail  = v_what || '.',
      hint    = v_hint;
  end if;
end;
$$;

comment on function ampsync_private.check_may_look_back(text, regclass, text[])
  is 'Refuse to show former rows to a caller who may not read all rows of the table.';
