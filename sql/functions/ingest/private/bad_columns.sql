-- The columns that cannot take what a record has for them, each tried alone, with PostgreSQL's reason
-- and the value. No row for a record that is no JSON, or that only a constraint refuses.
--
-- p_values: SQL that makes the value of each column from the record $1
create or replace function ampsync_private.bad_columns(
  p_columns jsonb,
  p_values  text[],
  p_record  jsonb
)
  returns table (column_name text, code text, reason text, value text)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_column jsonb;
begin
  for v_n in 1 .. cardinality(p_values)
  loop
    begin
      execute 'select ' || p_values[v_n] using p_record;
    exception
      when others then
        get stacked diagnostics code = returned_sqlstate, reason = message_text;
        if not ampsync_private.is_refusal(code) then
          raise;
        end if;
        v_column := p_columns -> (v_n - 1);
        column_name := v_column ->> 'name';
        value := p_record #>> ampsync_private.pointer_path(v_column ->> 'from');
        return next;
    end;
  end loop;
end;
$$;

comment on function ampsync_private.bad_columns(jsonb, text[], jsonb)
  is 'The columns that cannot take what a record has for them, and why.';
