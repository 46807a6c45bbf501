-- The texts that a claim or a parameter has as values of a type: several where it is an array of claims. SY413 where
-- it is missing, or no value of the type.
--
-- p_source  claim:a.b, claim:x[], param:x
create or replace function ampsync_private.bound_texts(
  p_name   text,
  p_source text,
  p_type   text,
  p_claims jsonb,
  p_params jsonb
)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_claim boolean := p_source like 'claim:%';
  v_is_array boolean := v_is_claim and p_source like '%[]';
  v_path     text := regexp_replace(substr(p_source, 7), '[[][]]$', '');
  -- A claim may have points in its name.
  v_value    jsonb := case when v_is_claim then coalesce(p_claims -> v_path, p_claims #> string_to_array(v_path, '.'))
                           else p_params -> v_path end;
  v_values   jsonb := case when v_is_array then v_value else jsonb_build_array(v_value) end;
  v_item     jsonb;
  v_text     text;
  v_texts    text[] := '{}';
begin
  if coalesce(v_value, 'null') = 'null' then
    perform ampsync_private.raise_shape(p_name, format('the %s %L is missing', case when v_is_claim then 'claim'
                                                                               else 'parameter' end, v_path),
      case when v_is_claim then 'The token of the client does not have it.' else 'The client did not give it.' end,
      case when v_is_claim then 'Put the claim into the tokens of these clients.'
           else format('Subscribe with params: { %s: … }.', to_json(v_path)) end);
  elsif jsonb_typeof(v_values) <> 'array' then
    perform ampsync_private.raise_shape(p_name, format('the claim %L is no array', v_path),
      'The shape has an instance for each of its elements.', 'Put an array into the tokens of these clients.');
  end if;
  for v_item in
    select i.item from jsonb_array_elements(v_values) i(item)
  loop
    begin
      if jsonb_typeof(v_item) not in ('string', 'number', 'boolean') then
        raise exception using errcode = '22023', message = 'no scalar', detail = '', hint = '';
      end if;
      execute format('select concat(e.v) from jsonb_to_record(jsonb_build_object(''v'', $1)) e(v %s)', p_type)
         into v_text using v_item #>> '{}';
      v_texts := v_texts || v_text;
    exception
      when others then
        if sqlstate !~ '^22' then
          raise;
        end if;
        perform ampsync_private.raise_shape(p_name, format('the %s %L is no %s', case when v_is_claim then 'claim'
                                                                                 else 'parameter' end, v_path, p_type),
          'It cannot be read as a value of the column.', 'Give it as PostgreSQL writes such values.');
    end;
  end loop;
  return v_texts;
end;
$$;

comment on function ampsync_private.bound_texts(text, text, text, jsonb, jsonb)
  is 'The texts that a claim or a parameter has as values of a type.';
