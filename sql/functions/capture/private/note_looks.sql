-- What looks at the catalogue found, whose messages came back with this transaction. Returns whether the lines
-- behind it are to be decoded anew. Locks: the log lock; rows of `published` are held by the caller.
create or replace function ampsync_private.note_looks(
  p_transaction jsonb,
  p_said        jsonb
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_token  text;
  v_found  text;
  v_reread boolean := false;
begin
  for v_token in
    select l.value
      from jsonb_array_elements_text(coalesce(p_said -> 'looks', '[]')) with ordinality l
     order by l.ordinality
  loop
    v_found := ampsync_private.note_look(v_token, (p_transaction ->> 'commit_lsn')::pg_lsn,
                                         ampsync_private.captured_at(p_transaction ->> 'at'));
    v_reread := v_reread or v_found = 'reread';
  end loop;
  return v_reread;
end;
$$;

comment on function ampsync_private.note_looks(jsonb, jsonb)
  is 'Enter what looks at the catalogue found, where their messages came back.';
