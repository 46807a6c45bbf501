-- Helpers that have another result or other arguments since 0.1.0-rc.
drop function if exists ampsync_private.ask_server(text, text, text);
drop function if exists ampsync_private.leaves_to_others(bigint, text);
drop function if exists ampsync_private.explain_steps(bigint, bigint);
