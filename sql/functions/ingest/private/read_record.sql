-- A record as jsonb. One that is no JSON, or that jsonb cannot hold, as a JSON text; so is null, which
-- elsewhere means that nothing is known of a record.
create or replace function ampsync_private.read_record(
  p_record text
)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(nullif(p_record::jsonb, 'null'), to_jsonb(p_record));
exception
  when others then
    if ampsync_private.is_refusal(sqlstate) then
      return to_jsonb(p_record);
    end if;
    raise;
end;
$$;

comment on function ampsync_private.read_record(text)
  is 'A record as jsonb; its text as a JSON text where it is no JSON.';
