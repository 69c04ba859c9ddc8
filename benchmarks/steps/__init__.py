"""The shop's saga on engines for durable steps: what one might use instead, without events.

The same orders and the same steps: reserve, pay, ship, dispatch, complete; refund, release, cancel.
Each step is a transaction in PostgreSQL over plain tables, whose rows are changed in place. There
are no events, no streams, no history and no read tables beside those.
"""
