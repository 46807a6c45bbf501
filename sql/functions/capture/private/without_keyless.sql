-- Lines of a pass without those whose key is null, though they are no TRUNCATE: nobody could tell which row such a
-- change is about. refused: [{"n","relation","code"}], the transactions and tables that they are of.
--
-- Read from their beginnings, for the rest of a line may be no JSON that PostgreSQL can hold.
create or replace function ampsync_private.without_keyless(
  in  p_lines text,
  out lines   text,
  out refused jsonb
)
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_keyless constant text :=
    '^ *[[] *([0-9]+) *, *[0-9]+ *, *"([0-9]+)" *, *"(?:insert|update|delete)" *(?:, *null *[],]|[]])';
begin
  select coalesce(string_agg(l.line, chr(10) order by l.place) filter (where l.parts is null), ''),
         coalesce(jsonb_agg(distinct jsonb_build_object('n', l.parts[1]::integer, 'relation', l.parts[2],
                                                        'code', '23514')) filter (where l.parts is not null), '[]')
    into lines, refused
    from (select s.line, s.place, regexp_match(left(s.line, 200), c_keyless) as parts
            from string_to_table(p_lines, chr(10)) with ordinality s(line, place)) l;
end;
$$;

comment on function ampsync_private.without_keyless(text)
  is 'Lines of a pass of capture without those whose key is null.';
