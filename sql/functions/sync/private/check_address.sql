-- Refuses what is no address of an Amp server; null and '' pass. The rules are those of
-- AMP_FLIGHT_ADDR (src/model/amp-address.ts): errors show addresses, so one with a user, a
-- password, a query, a fragment, or a path that may be a secret is refused, and not repeated.
create or replace function ampsync_private.check_address(
  p_dataset text,
  p_option  text,
  p_address text
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_host  constant text := '(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[[][0-9a-f:.]+[]])';
  v_parts constant text[] := regexp_match(
    p_address, '^https?://' || v_host || '(?::([0-9]{1,5}))?((?:/[a-z0-9._-]{0,24})*)$', 'i');
begin
  if p_address = '' or p_address is null
     or (coalesce(v_parts[1]::integer, 80) between 1 and 65535
         and v_parts[2] !~* '(token|secret|passw|api-?_?key|bearer)') then
    return;
  end if;
  raise exception using
    errcode = 'SY004',
    message = format('%s of %s is not an http or https address, or contains more than that', p_option, p_dataset),
    detail  = 'It may have no user, password, query or fragment, and no path that is long or looks like a secret.',
    hint    = format('select * from ampsync.set_source(%L, %s => %L);', p_dataset, p_option,
                     case p_option when 'flight_addr' then 'https://amp.example:1602'
                                   else 'https://amp.example:1610' end);
end;
$$;

comment on function ampsync_private.check_address(text, text, text)
  is 'Refuse what is no http or https address, or holds more than an address (SY004).';
