-- Whether making a value of a type, if only of a literal, may run code of a role that is not trusted: the checks of a
-- domain, or what a range makes of its bounds; within arrays, ranges and rows as well. An enum has no code.
create or replace function ampsync_private.is_foreign_type(
  p_type oid
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type record;
begin
  select t.typtype, t.typelem, t.typbasetype, t.typrelid, t.typowner into v_type
    from pg_type t
   where t.oid = p_type
     and t.typnamespace <> 'pg_catalog'::regnamespace;
  if not found or v_type.typtype in ('e', 'p') then
    return false;
  elsif v_type.typtype <> 'b' and not ampsync_private.is_trusted_role(v_type.typowner) then
    return true;
  end if;
  return exists (
    select
      from (select v_type.typelem as part
            union all
            select v_type.typbasetype
            union all
            select r.rngsubtype from pg_range r where p_type in (r.rngtypid, r.rngmultitypid)
            union all
            select r.rngtypid from pg_range r where r.rngmultitypid = p_type
            union all
            select a.atttypid
              from pg_attribute a
             where a.attrelid = v_type.typrelid and v_type.typrelid <> 0 and a.attnum > 0 and not a.attisdropped) p
     where p.part <> 0
       and ampsync_private.is_foreign_type(p.part));
end;
$$;

comment on function ampsync_private.is_foreign_type(oid)
  is 'Whether making a value of a type may run code of a role that is not trusted.';
