-- Refuses a definition whose `key` is not columns of it, or whose `on_conflict` does not say what
-- becomes of a record that comes again, or comes in another version. Without a key nothing may be
-- read twice on purpose: its records would be stored twice.
create or replace function ampsync_private.check_key(
  p_dataset text,
  p_source  jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_has_columns constant boolean := coalesce(jsonb_typeof(p_source -> 'key') = 'array', false);
  v_conflict    constant jsonb := p_source -> 'on_conflict';
  v_newest      text;
  v_lacking     text;
  v_rule        text;
begin
  if v_has_columns and (jsonb_array_length(p_source -> 'key') not between 1 and 32
                        or jsonb_path_exists(p_source -> 'key', '$[*] ? (@.type() != "string")')
                        or (select count(distinct k.name) <> count(*)
                              from jsonb_array_elements(p_source -> 'key') k (name)))
     or not v_has_columns and p_source -> 'key' <> '"content"' then
    perform ampsync_private.raise_source(
      p_dataset, '{key}', 'is not a list of 1 to 32 different columns, nor "content"',
      ampsync_private.found_value(p_source, '{key}'), p_source || '{"key": ["id"]}');
  end if;
  if v_has_columns then
    select k.name into v_lacking
      from jsonb_array_elements_text(p_source -> 'key') k (name)
     where case when p_source ? 'columns' then not p_source -> 'columns' ? k.name
                else octet_length(k.name) not between 1 and 63 or k.name = 'data' end
     limit 1;
    if found then
      perform ampsync_private.raise_source(
        p_dataset, '{key}', 'has a column that is not among the columns', format('Column: %s.', left(v_lacking, 200)),
        jsonb_set(p_source, '{columns}', coalesce(p_source -> 'columns', '{}')
                                         || jsonb_build_object(left(v_lacking, 60), 'text')));
    end if;
  end if;

  v_newest := ampsync_private.newest_column(p_source);
  if jsonb_typeof(v_conflict) = 'object' then
    if v_conflict - 'newest' <> '{}' then
      perform ampsync_private.raise_source(
        p_dataset, '{on_conflict}', 'is neither ignore, nor replace, nor {"newest": "column"}',
        ampsync_private.found_value(p_source, '{on_conflict}'), p_source || '{"on_conflict": "ignore"}');
    end if;
    if not exists (select 1
                     from jsonb_to_recordset(ampsync_private.full_columns(p_source)) c (name text, type text)
                    where c.name = v_conflict ->> 'newest' and ampsync_private.is_ordered(c.type)) then
      perform ampsync_private.raise_source(
        p_dataset, '{on_conflict,newest}', 'is not a column that is a number, a date or a timestamptz',
        ampsync_private.found_value(p_source, '{on_conflict,newest}'),
        jsonb_set(p_source, '{on_conflict}', case when v_newest is null then '"ignore"'
                                             else jsonb_build_object('newest', v_newest) end));
    end if;
  else
    perform ampsync_private.check_choice(p_dataset, p_source, '{on_conflict}', '{ignore,replace}');
  end if;

  v_rule := case
    when not v_has_columns and v_conflict <> '"ignore"' then 'needs a key of columns'
    when v_conflict = '"replace"' and p_source #> '{range,step}' is not null
      then 'cannot be replace beside range.step'
    when v_conflict is null and v_has_columns and p_source ? 'every' and not p_source @> '{"append_only": true}'
      then 'is missing' end;
  if v_rule is not null then
    perform ampsync_private.raise_source(
      p_dataset, '{on_conflict}', v_rule,
      case v_rule
        when 'is missing'
          then 'A source that is polled meets its records again, perhaps in another version: ignore keeps the first '
               'one, replace takes the last one that comes, and newest the one with the greatest value of a column.'
        when 'needs a key of columns' then 'Without one no two records are versions of the same.'
        else 'Windows are read in parallel, so the version that comes last need not be the newest.' end,
      jsonb_set(p_source, '{on_conflict}', case
        when not v_has_columns then '"ignore"'
        when v_newest is not null then jsonb_build_object('newest', v_newest)
        when p_source #> '{range,step}' is not null then '"ignore"'
        else '"replace"' end));
  end if;
end;
$$;

comment on function ampsync_private.check_key(text, jsonb)
  is 'Raise SY004 if a definition does not say which records are the same, and which of them is kept.';
