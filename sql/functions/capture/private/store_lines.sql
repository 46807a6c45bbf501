-- Stores lines of a pass in `change`: JSON arrays, one a line,
-- [n, seq, "relation", operation, key, data, old_data, metadata], n being the place of their transaction in the call.
--
-- p_tx_ids  the tx_id of each transaction, from n = 0 on; null: its lines are dropped
-- p_going   tables that go live in this call; of others that are not live nothing is stored
--
-- stored    how many
-- refused   [{"n","seq","relation","key","code"}]: rows that PostgreSQL cannot hold, found by halves, and those without
--           a key (23514), once for each transaction and table. The caller stores nothing of their table in that
--           transaction
--
-- As text that is split here: the fastest way in, as fast as COPY.
create or replace function ampsync_private.store_lines(
  in  p_tx_ids bigint[],
  in  p_lines  text,
  in  p_going  integer[],
  out stored   bigint,
  out refused  jsonb
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_constraint text;
  v_keyless    record;
  v_lines      text[];
  v_half       integer;
  v_first      record;
  v_last       record;
begin
  refused := '[]';
  begin
    insert into ampsync_private.change (tx_id, seq, published_id, operation, key, data, old_data, metadata)
    select p_tx_ids[(l.line ->> 0)::integer + 1], (l.line ->> 1)::integer, p.published_id, l.line ->> 3, l.line ->> 4,
           nullif(l.line -> 5, 'null'), nullif(l.line -> 6, 'null'), nullif(l.line -> 7, 'null')
      from (select s.line::jsonb as line
              from string_to_table(p_lines, chr(10)) s(line)
             where s.line <> ''
            offset 0) l -- Once for each line, and not for each of its parts.
      join ampsync_private.published p
        on p.relation = (l.line ->> 2)::oid
     where p_tx_ids[(l.line ->> 0)::integer + 1] is not null
       and p.mode = 'rows'
       and (p.state = 'live' or p.published_id = any (p_going));
    get diagnostics stored = row_count;
    return;
  exception
    when others then
      get stacked diagnostics v_constraint = constraint_name;
      if v_constraint = 'change_key_check' then
        v_keyless := ampsync_private.without_keyless(p_lines);
        if v_keyless.refused <> '[]' then
          v_last := ampsync_private.store_lines(p_tx_ids, v_keyless.lines, p_going);
          stored := v_last.stored;
          refused := v_keyless.refused || v_last.refused;
          return;
        end if;
      end if;
      if sqlstate !~ '^(22|54)' then
        raise;
      end if;
      v_lines := array_remove(string_to_array(p_lines, chr(10)), '');
      if cardinality(v_lines) = 1 then
        stored := 0;
        refused := jsonb_build_array(ampsync_private.refused_line(v_lines[1], sqlstate));
        return;
      end if;
  end;

  v_half := cardinality(v_lines) / 2;
  v_first := ampsync_private.store_lines(p_tx_ids, array_to_string(v_lines[:v_half], chr(10)), p_going);
  v_last := ampsync_private.store_lines(p_tx_ids, array_to_string(v_lines[v_half + 1:], chr(10)), p_going);
  stored := v_first.stored + v_last.stored;
  refused := v_first.refused || v_last.refused;
end;
$$;

comment on function ampsync_private.store_lines(bigint[], text, integer[])
  is 'Store lines of a pass of capture; rows that PostgreSQL cannot hold are found by halves.';
