// SPDX-License-Identifier: Apache-2.0
// A checkout service. One function of it forgets to cancel on one path.
#include "scenarios.h"

#include <errno.h>
#include <stdlib.h>

static const char cart_key;

/** What a customer wants to buy. */
struct cart {
	uint64_t item;
	int64_t price;
};

static bool is_sold_out(const struct cart *cart)
{
	return cart->item % 3 == 0;
}

static SEEN int price_cart(cctx_t *ctx)
{
	struct cart *cart = cctx_value(ctx, &cart_key);
	cctx_t *call = demo_check(cctx_with_timeout(ctx, 500 * CCTX_MILLISECOND), "pricing");
	int err = cctx_err(call);

	cart->price = 100 + (int64_t)(cart->item % 50);
	cctx_cancel(call, NULL);
	cctx_unref(call);
	return -err;
}

// A reservation outlasts its request, so it hangs below the service. Wrong: see the early return.
static SEEN int reserve_stock(struct demo *demo, const struct cart *cart)
{
	cctx_t *reservation = demo_check(cctx_with_cancel(demo->app), "a reservation");

	if (is_sold_out(cart)) {
		cctx_unref(reservation);
		return -ENOENT;
	}
	cctx_cancel(reservation, "shipped");
	cctx_unref(reservation);
	return 0;
}

// Right: one way out.
static SEEN int reserve_stock_right(struct demo *demo, const struct cart *cart)
{
	cctx_t *reservation = demo_check(cctx_with_cancel(demo->app), "a reservation");
	int err = is_sold_out(cart) ? -ENOENT : 0;

	cctx_cancel(reservation, err ? "sold out" : "shipped");
	cctx_unref(reservation);
	return err;
}

static SEEN int charge_card(cctx_t *ctx)
{
	cctx_t *call = demo_check(cctx_with_timeout(ctx, 10 * CCTX_SECOND), "a payment");
	int err = cctx_wait(call, CCTX_MILLISECOND);

	cctx_cancel(call, NULL);
	cctx_unref(call);
	return err == EAGAIN ? 0 : -err;
}

typedef int (*reserve_fn)(struct demo *demo, const struct cart *cart);

static SEEN int place_order(struct demo *demo, cctx_t *request, uint64_t item, reserve_fn reserve)
{
	struct cart cart = {.item = item};
	cctx_t *ctx = demo_check(cctx_with_value(request, &cart_key, &cart, NULL), "a cart");
	int err;

	err = price_cart(ctx);
	if (!err)
		err = reserve(demo, &cart);
	if (!err)
		err = charge_card(ctx);
	cctx_unref(ctx);
	return err;
}

static SEEN void checkout(struct demo *demo, uint64_t round, reserve_fn reserve)
{
	cctx_t *request = demo_check(cctx_with_timeout(demo->app, 2 * CCTX_SECOND), "a request");

	cctx_request_begin(request, "POST /checkout");
	cctx_request_end(request, place_order(demo, request, round, reserve) ? 409 : 200);
	cctx_cancel(request, NULL);
	cctx_unref(request);
}

void shop_leak(struct demo *demo, uint64_t round)
{
	checkout(demo, round, reserve_stock);
}

void shop_right(struct demo *demo, uint64_t round)
{
	checkout(demo, round, reserve_stock_right);
}
