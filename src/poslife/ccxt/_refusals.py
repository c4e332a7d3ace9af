"""
Venue errors that prove a refusal of the order, whatever class ccxt gives them. Data.

Each code or text says of a new order that it was not taken: too small, off the price or size step, outside
the price band, without funds, a post-only order that would match, a reduce-only order with nothing to
reduce, a symbol that is not trading, a wrong parameter, key, signature or timestamp.

Sources: ccxt's own tables of codes (``exceptions`` in its classes, with the answers quoted there), the
venues' documentation of error codes, and answers quoted in public reports. A code that one of them also
gives to a time-out, a duplicate, an internal error or a part of a batch is not listed.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BINANCE", "BINGX", "BITGET", "BYBIT", "GATE", "HYPERLIQUID", "KUCOIN", "OKX", "Refusals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """
    The errors of one venue that prove a refusal.

    Attributes:
        codes: The venue's codes.
        funds: Those of them that mean a lack of funds: an earlier order in doubt may have taken them.
        texts: Parts of its messages, in lower case, where it sends no code, or one that says too little.
    """

    codes: frozenset[str]
    funds: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()


def _codes(table: str) -> frozenset[str]:
    """
    Return the words of *table*; the rest of a line after ``#`` is a comment.
    """
    return frozenset(word for line in table.splitlines() for word in line.partition("#")[0].split())


def _refusals(*, codes: str, funds: str = "", texts: tuple[str, ...] = ()) -> Refusals:
    lacking = _codes(funds)
    return Refusals(codes=_codes(codes) | lacking, funds=lacking, texts=texts)


BINANCE = _refusals(
    codes="""
    -1002 -1005 -1011 -1022 -1099 -2008 -2014 -2015 -2017 -4056 -4057  # key, signature, IP address
    -1013 -1014 -1015 -1016 -1020  # filter failure, order combination, too many orders, not supported
    -1021 -4188 -5028  # outside the receive window
    -1100 -1101 -1102 -1103 -1104 -1105 -1106 -1108 -1109 -1110 -1111 -1112 -1114 -1115 -1116 -1117 -1118
    -1121 -1122 -1126 -1128 -1130 -1131 -1134 -1135 -1136  # a parameter
    -2010  # spot: the order was rejected; the message of a duplicate is a doubt
    -2016 -2020 -2021 -2022 -2023 -2025 -2026 -2027  # not trading, no fill, trigger, reduce-only, limit
    -3003 -3004 -3006 -3008 -3012 -3014 -3021 -3022 -3023 -3027 -3028 -3045 -11008  # margin account
    -4000 -4001 -4002 -4003 -4004 -4005 -4006 -4007 -4013 -4014 -4015 -4016 -4020 -4022 -4023 -4024 -4031
    -4045 -4055 -4060 -4061 -4062 -4084 -4087 -4088 -4089 -4090 -4112 -4113 -4114 -4118 -4120 -4131 -4135
    -4136 -4137 -4138 -4139 -4140 -4141 -4142 -4144 -4151 -4152 -4154 -4155 -4164 -4178 -4183 -4184 -4192
    -4194 -4196 -4202 -4210 -4211 -4400 -4401 -4402 -4403 -4408  # price, quantity, mode, symbol, permission
    -5021 -5022 -5025 -5037 -5038 -5039 -5040 -5041  # time in force, post-only, price match
    -20121 -20130 -20194 -20195 -20196 -20198 -20204  # algo orders
    """,
    funds="-2018 -2019 -2024 -2028 -3041 -4050 -4051",
    texts=(
        # ccxt leaves the code out where it knows the message.
        "you are not authorized to execute this request.",
        "api key does not exist",
        "order would trigger immediately.",
        "stop price would trigger immediately.",
        "order would immediately match and take.",
        "account has insufficient balance for requested action.",
        "rest api trading is not enabled.",
        "this account may not place or cancel orders.",
        "market is closed.",
        "this action is disabled on this account.",
        "limit orders require gtc for this phase.",
        "this symbol is restricted for this account.",
        "this symbol is not permitted for this account.",
        "this order type is not possible",
        "has no operation privilege",
        "filter failure: ",
        "max_position",
        "percent_price_by_side",
        "order cost = amount * price is zero or less",
        "order amount should be evenly divisible by lot size",
        "order price is invalid, i.e. exceeds allowed price precision",
        "price * qty is zero or less",
    ),
)

BYBIT = _refusals(
    codes="""
    -1004 -1021 -1103 -1140 -1197 -2015 7001  # a parameter, the receive window, the amount, the key
    10001 10002 10003 10004 10005 10007 10008 10009 10010 10017 10020 10024 10027 10028 10029 100028 33004
    12137 12201 35015 3100116 3100198 181000 181001 181002 181003 181004 182000
    110003 110005 110009 110011 110015 110016 110017 110018 110020 110021 110022 110023 110029 110031 110032
    110034 110035 110037 110039 110040 110041 110042 110049 110050 110057 110058 110061 110063 110065 110066
    110067 110068 110069 110070 110092 110093 110094
    130006 130074
    140003 140005 140009 140011 140015 140016 140017 140018 140020 140021 140022 140023 140029 140031 140032
    140034 140035 140037 140039 140040 140041 140042 140049 140050 140057 140058 140061 140063 140065 140066
    140067 140068 140069 140070
    170005 170010 170011 170019 170031 170036 170037 170105 170115 170116 170117 170121 170124 170130 170132
    170133 170134 170135 170136 170137 170140 170148 170151 170157 170159 170192 170193 170194 170197 170198
    170199 170200 170201 170202 170203 170204 170206 170209 170210 170217 170218 170221 170224 170227 170228
    170229 170241 170371 170372
    20003 20004 20005 20006 20007 20008 20009 20010 20011 20012 20013 20014 20015 20016 20018 20019 20020
    30003 30004 30005 30007 30008 30009 30011 30012 30013 30014 30015 30017 30018 30019 30022 30023 30024
    30025 30026 30027 30028 30029 30030 30036 30041 30043 30044 30045 30057 30063 30074 30075
    """,
    funds="""
    110004 110006 110007 110012 110014 110044 110045 110051 110052 110053
    140004 140006 140007 140012 140014 140044 140045 140051 140052 140053
    130021 170033 170034 170131 170223 170226 30010 30021 30031 30042 30049 30067 3200300
    """,
)

OKX = _refusals(
    codes="""
    4088 50000 50002 50006 50014 50015 50016 50024 50025 50044  # the request
    50007 50008 50009 50010 50012 50017 50018 50019 50020 50021 50022 50023 50027 50028 50061  # the account
    50100 50101 50102 50103 50104 50105 50106 50107 50110 50111 50112 50113 50114 50115  # key, signature
    51000 51001 51002 51003 51004 51005 51006 51007 51009 51010 51012 51014 51015 51018 51019 51020 51021
    51022 51023 51024 51025 51026 51027 51028 51029 51030 51031 51046 51047 51051 51072 51073 51074 51091
    51092 51093 51094 51095 51096 51099
    51100 51101 51102 51103 51104 51105 51106 51107 51108 51109 51110 51112 51115 51116 51117 51118 51120
    51121 51122 51124 51125 51126 51128 51129 51130 51132 51133 51134 51135 51136 51137 51138 51139 51155
    51156 51159 51162 51163 51166 51169 51170 51174 51185
    51201 51202 51203 51204 51205
    51250 51251 51252 51253 51254 51255 51256 51257 51258 51259 51260 51261 51262 51263 51264 51265 51267
    51268 51269 51270 51271 51272 51273 51274 51275 51276 51277 51278 51279 51280  # conditional orders
    51321 51322 51323 51324 51325 51327 51328 51329 51330
    54008 54009 54011 54051 54072 54073 54094 59113 59128 59260 59262
    """,
    funds="51008 51017 51119 51127 51131",
)

BITGET = _refusals(
    codes="""
    40001 40002 40003 40004 40005 40006 40007 40008 40009 40010 40011 40012 40014 40016 40018 40037 40085
    40017 400172 40019 40020 40102 40103 40108 40302 40304 40305 40402 40403 40500  # a parameter
    40013 40024 40031 40301 40309  # the account's rights, the symbol
    22002 40706 40774 40808 40917 41103 41117 43011 45110 45113 45122  # position, price, size, mode
    50004 50014 50015 50016 50017 50018 50019 50021 50026  # margin
    25005 25006 25007 25008 25012 25013 25100 25101 25103 25104 25105 25106 25200 25201 25205 25206 25207
    25208 25211 25213 25227  # unified account
    """,
    funds="40711 40712 40762 43012 50020 25202 25203",
)

GATE = _refusals(
    codes="""
    INVALID_PARAM_VALUE INVALID_PROTOCOL INVALID_ARGUMENT INVALID_REQUEST_BODY MISSING_REQUIRED_PARAM
    BAD_REQUEST INVALID_CONTENT_TYPE NOT_ACCEPTABLE METHOD_NOT_ALLOWED
    AUTHENTICATION_FAILED INVALID_CREDENTIALS INVALID_KEY IP_FORBIDDEN READ_ONLY INVALID_SIGNATURE
    MISSING_REQUIRED_HEADER REQUEST_EXPIRED FORBIDDEN
    ACCOUNT_LOCKED SUB_ACCOUNT_LOCKED USER_NOT_FOUND MIXED_ACCOUNT_TYPE MARGIN_NOT_SUPPORTED
    INVALID_PRECISION INVALID_CURRENCY INVALID_CURRENCY_PAIR CONTRACT_NOT_FOUND CONTRACT_IN_DELISTING
    CONTRACT_NO_COUNTER ORDER_BOOK_NOT_FOUND
    POC_FILL_IMMEDIATELY ORDER_POC_IMMEDIATE FOK_NOT_FILL ORDER_FOK
    AMOUNT_TOO_LITTLE AMOUNT_TOO_MUCH SIZE_TOO_LARGE SIZE_TOO_SMALL TOO_MANY_ORDERS
    PRICE_TOO_DEVIATED PRICE_THRESHOLD_EXCEEDED PRICE_OVER_LIQUIDATION PRICE_OVER_BANKRUPT
    LIQUIDATE_IMMEDIATELY LEVERAGE_TOO_HIGH LEVERAGE_TOO_LOW RISK_LIMIT_EXCEEDED RISK_LIMIT_TOO_LOW
    EMPTY_POSITION POSITION_EMPTY POSITION_NOT_FOUND INCREASE_POSITION REDUCE_EXCEEDED POSITION_IN_LIQUIDATION
    POSITION_IN_CLOSE POSITION_DUAL_MODE POSITION_HOLDING
    AUTO_TRIGGER_PRICE_LESS_LAST AUTO_TRIGGER_PRICE_GREATE_LAST
    """,
    funds="""
    INSUFFICIENT_AVAILABLE BALANCE_NOT_ENOUGH MARGIN_BALANCE_NOT_ENOUGH FUTURES_BALANCE_NOT_ENOUGH
    QUANTITY_NOT_ENOUGH TRADE_RESTRICTED INITIAL_MARGIN_TOO_LOW AUTO_BORROW_TOO_MUCH USER_LOAN_EXCEEDED
    """,
)

KUCOIN = _refusals(
    codes="""
    101030 112010 400001 400002 400003 400004 400005 400006 400007 400303 400401 400500 411100  # key, account
    400000 400100 400200 400330 400350 400370 400400 400600 400760 415000 600101  # parameter, price, size
    126001 126002 126003 126004 126005 126006 126007 126009 126011 126015 126021 126022 126027 126028 126029
    126030 126037 126041 126042 126045 126046 126047 126048  # high-frequency margin
    130302 130303 130304 130305 130306 130307 130308 130309 130311 130312 130313 130314 130315  # margin
    300000 300009 300011 300012 330005 330012  # futures
    """,
    funds="103000 126013 130203 130301 200004 210014 210021 230003 260100 300003 330008 600100",
    # Futures send 100001 for a parameter of a new order, and for an order that is not found.
    texts=("parameter cannot be empty",),
)

HYPERLIQUID = _refusals(
    codes="",
    texts=(
        "price must be divisible by tick size",
        "order must have minimum value of",
        "insufficient margin to place order",
        "reduce only order would increase position",
        "post only order would have immediately matched",
        "order could not immediately match against any resting orders",
        "invalid tp/sl price",
        "no liquidity available for market order",
        "order would increase open interest while open interest is capped",
        "order rejected due to price more aggressive than oracle while at open interest cap",
        "order would increase open interest too quickly",
        "insufficient spot balance",
        "order price too far from oracle",
        "order price cannot be more than",
        "order would cause position to exceed margin tier limit",
        "order has invalid size",
        "order has invalid price",
        "order has zero size",
        "user or api wallet ",
        "too many cumulative requests sent",
    ),
)

BINGX = _refusals(
    codes="""
    100001 100004 100412 100413 100414 100419  # signature, key, IP address, risk control
    100421 100490 109418 109425  # the symbol is not traded
    80014 100400 109400  # a parameter
    100440 101205 101290 101400 110425  # price band, no position, reduce-only, size
    """,
    funds="100202 101204",
    # Sent as 80012, which also means that the service is unavailable.
    texts=("margin is not enough",),
)
